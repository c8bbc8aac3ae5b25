// What child.ts starts: loads one function, gives it what it is sent, sends back what it answers.
const [module, name] = process.argv.slice(2);

// A bench that was ended by hand leaves nobody behind who waits for it.
process.once("disconnect", () => process.exit(1));

process.once("message", async (spec: unknown) => {
  const loaded = (await import(module!)) as Record<string, (spec: unknown) => Promise<object>>;
  const answer = await loaded[name!]!(spec);
  process.send!(answer, () => process.exit(0));
});
