// Bugs planted on purpose, one at a time: the simulator is worth what it finds. Each is a change of the compiled program's text,
// made while a module is loaded (hook.ts), so that no production file knows of them; a text that no longer occurs exactly once
// fails the run. Grouped as protocol.md is.

export interface Mutant {
  readonly name: string;
  /** What is wrong with it, in one line. */
  readonly bug: string;
  /** Below dist/. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** The environment names the bug to plant. */
export const MUTANT_VARIABLE = "ROLLCALL_MUTANT";

const SPEAKER = "actors/partition/speaker.js";
const SPEECH = "actors/partition/speech.js";
const CLAIMING = "actors/partition/claiming.js";
const RESTORING = "actors/partition/restoring.js";
const CHECKPOINT = "actors/partition/checkpoint.js";
const SHELF = "actors/partition/shelf.js";
const BACKFILL = "actors/partition/backfill.js";
const CORE = "lib/core/engine/core.js";
const PAGES = "lib/core/engine/pages.js";
const WORLD = "lib/memory/world.js";

export const MUTANTS: readonly Mutant[] = [
  // ── speaking ──────────────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: "no-fence-single",
    bug: "a single delta is published without its compare-and-set",
    file: WORLD,
    find: "const expected = { subject: this.subject, seq: fence };",
    replace: 'const expected = name === "publish" ? undefined : { subject: this.subject, seq: fence };',
  },
  {
    name: "no-fence-batch",
    bug: "a batch is published without its compare-and-set",
    file: WORLD,
    find: "const expected = { subject: this.subject, seq: fence };",
    replace: 'const expected = name === "batch" ? undefined : { subject: this.subject, seq: fence };',
  },
  {
    name: "no-fence-watermark",
    bug: "a watermark is written without its compare-and-set",
    file: WORLD,
    find: "const expected = { subject: this.subject, seq: fence };",
    replace: 'const expected = name === "watermark" ? undefined : { subject: this.subject, seq: fence };',
  },
  {
    name: "two-outstanding",
    bug: "the next delta is sent before the one before it is answered",
    file: SPEAKER,
    find: "const outcome = await this.options.sink.publish(this.speech.fence, saying);",
    replace:
      "const [, second] = this.speech.next(2); if (second !== undefined) void this.options.sink.publish(this.speech.fence, second); const outcome = await this.options.sink.publish(this.speech.fence, saying);",
  },
  {
    name: "resend-under-old-fence",
    bug: "a publish that was never answered is simply sent again",
    file: SPEAKER,
    find: "return this.settle(mine === undefined ? [] : [mine]);",
    replace: "return this.holdBack(outcome.reason);",
  },
  {
    name: "settle-without-scan",
    bug: "after a time-out nobody looks for what was stored all the same",
    file: SPEAKER,
    find: "await this.confirmScanned(from, outcome.seq);",
    replace: "",
  },
  {
    name: "adopt-without-scan",
    bug: "an unanswered watermark is adopted without a look at what lies below it",
    file: SPEAKER,
    find: "if (mine.scan)",
    replace: "if (false)",
  },
  {
    name: "adopt-any-record",
    bug: "whatever watermark is found after a refusal is taken for one's own",
    file: SPEAKER,
    find: "const mine = epoch === this.options.epoch ? unanswered.find((one) => one.nonce === nonce) : undefined;",
    replace: "const mine = unanswered.at(-1);",
  },
  {
    name: "refusal-counts-as-stored",
    bug: "a delta that the server did not take counts as said",
    file: SPEAKER,
    find: 'if (outcome.kind !== "stored")\n            return this.recover(outcome);',
    replace: 'if (outcome.kind !== "stored" && outcome.kind !== "retry")\n            return this.recover(outcome);',
  },
  {
    name: "watermark-ahead",
    bug: "the watermark passes deltas that still wait",
    file: SPEECH,
    find: "const limit = next === undefined ? this.position.seq : Math.min(next.seq - 1, this.position.seq);",
    replace: "const limit = this.position.seq;",
  },
  {
    name: "watermark-in-the-middle",
    bug: "the watermark passes an input of which only some deltas are said",
    file: SPEECH,
    find: "Math.min(next.seq - 1, this.position.seq);",
    replace: "Math.min(next.seq, this.position.seq);",
  },
  {
    name: "watermark-from-too-late",
    bug: "a watermark says that its tail begins behind the deltas that are in it",
    file: SPEECH,
    find: "tail ? (this.tailFrom ?? this.lastKnown + 1) : this.lastKnown + 1",
    replace: "this.lastKnown + 1",
  },
  {
    name: "rejects-passed-by",
    bug: "the watermark passes messages whose refusal was not told yet",
    file: SPEECH,
    find: "if (saying === undefined ? !told : left === 0)",
    replace: "if (saying === undefined ? false : left === 0)",
  },
  // ── owning ────────────────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: "acquire-moves-from",
    bug: "taking over moves the place from which the last owner's deltas are looked for",
    file: CLAIMING,
    find: "return { ...before, epoch, owner, nonce };",
    replace: "return { ...before, epoch, owner, nonce, from: before.from + 1 };",
  },
  {
    name: "acquire-keeps-epoch",
    bug: "the new owner bears the epoch of the old one",
    file: CLAIMING,
    find: "const epoch = Math.max(before?.epoch ?? 0, lastEpoch) + 1;",
    replace: "const epoch = before?.epoch ?? 1;",
  },
  {
    name: "epoch-below-the-manifest",
    bug: "epochs are counted from SEGMENTS alone, also where it is older than the checkpoints",
    file: CLAIMING,
    find: "Math.max(before?.epoch ?? 0, lastEpoch) + 1;",
    replace: "(before?.epoch ?? 0) + 1;",
  },
  {
    name: "manifest-not-taken",
    bug: "the new owner reads pages before its epoch stands in the manifest",
    file: CLAIMING,
    find: "const outcome = await world.pages.putManifest(found?.revision ?? 0, encodeManifest(manifest));",
    replace: 'return { manifest, revision: found?.revision ?? 0 }; const outcome = { kind: "fenced" };',
  },
  {
    name: "no-fence-manifest",
    bug: "a manifest is written without its compare-and-set",
    file: WORLD,
    find: '"putManifest", [message], () => this.stream.store([message], seen)',
    replace: '"putManifest", [message], () => this.stream.store([message])',
  },
  {
    name: "release-too-early",
    bug: "a partition is let go before everything is said",
    file: "actors/partition/draining.js",
    find: "await attended(running, speaker.untilDone(position));\n    await encodeAll(running);\n    if (checkpointer.position < position) {",
    replace: "if (false) {",
  },
  {
    name: "tail-not-scanned",
    bug: "a new owner does not look for what was said after the last watermark",
    file: RESTORING,
    find: "if (before !== null && before.owner === null)",
    replace: "if (true)",
  },
  {
    name: "tail-scanned-from-behind",
    bug: "the search for what was said begins one message too late",
    file: RESTORING,
    find: "context.world.sink.scan(record.value.from, record.seq)",
    replace: "context.world.sink.scan(record.value.from + 1, record.seq)",
  },
  {
    name: "suppression-one-short",
    bug: "the replay says the last input's deltas again",
    file: SPEECH,
    find: "if (seq <= this.stored.done) {",
    replace: "if (seq < this.stored.done) {",
  },
  {
    name: "suppression-one-too-many",
    bug: "the replay keeps the first unsaid input's deltas to itself",
    file: SPEECH,
    find: "if (seq <= this.stored.done) {",
    replace: "if (seq <= this.stored.done + 1) {",
  },
  // ── remembering ───────────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: "manifest-before-pages",
    bug: "the manifest is written while its pages are still on their way",
    file: CHECKPOINT,
    find: "await this.shelf.settled([...directory.values(), meta, named]);",
    replace: "",
  },
  {
    name: "checkpoint-ahead",
    bug: "a checkpoint covers what is not said yet",
    file: CHECKPOINT,
    find: "await this.speaker.untilDone(picture.at.seq);",
    replace: "",
  },
  {
    name: "page-keys-reused",
    bug: "a page is stored under the key that it had before",
    file: SHELF,
    find: `.\${this.nextNumber}.`,
    replace: ".",
  },
  {
    name: "old-page-generation",
    bug: "a page that was spilled meanwhile is found where the picture put it",
    file: SHELF,
    find: "if (!this.spilled.has(page))",
    replace: "if (true)",
  },
  {
    name: "clean-up-too-eager",
    bug: "the clean-up removes what the older generation names",
    file: CHECKPOINT,
    find: "for (const generation of this.manifest.generations) {",
    replace: "for (const generation of this.manifest.generations.slice(0, 1)) {",
  },
  {
    name: "clean-up-of-spilled-pages",
    bug: "the clean-up removes pages that left memory after the picture",
    file: CHECKPOINT,
    find: "for (const ref of this.shelf.directory().values())",
    replace: "for (const ref of [])",
  },
  {
    name: "clean-up-of-a-newer-epoch",
    bug: "an owner that was stopped in its clean-up removes the next owner's pages",
    file: CHECKPOINT,
    find: "const isOld = (key) => epochOf(key) <= this.epoch;",
    replace: "const isOld = (key) => true;",
  },
  {
    name: "picture-not-frozen",
    bug: "a page changes while the picture of it is being taken",
    file: PAGES,
    find: "willChange(page) {\n        if (this.#frozen?.has(page.no))",
    replace: "willChange(page) {\n        if (false)",
  },
  {
    name: "page-hash-unchecked",
    bug: "a page with a flipped bit is taken as it is",
    file: SHELF,
    find: "hashOf(bytes) !== ref.hash",
    replace: "false",
  },
  {
    name: "manifest-hash-unchecked",
    bug: "a manifest with a flipped bit is taken as it is",
    file: "actors/partition/manifest.js",
    find: "if (Buffer.compare(sha1(body).digest(), bytes.subarray(0, HASH_BYTES)) !== 0) {",
    replace: "if (false) {",
  },
  {
    name: "generation-ahead-chosen",
    bug: "a checkpoint is used that is ahead of what was said",
    file: RESTORING,
    find: "if (generation.position > done) {",
    replace: "if (false) {",
  },
  {
    name: "past-unchecked",
    bug: "nobody looks whether the log at the position is the one remembered",
    file: "lib/ports/log-past.js",
    find: "if (!holds(bounds, after) || stamp === after.stamp)",
    replace: "if (true)",
  },
  {
    name: "end-unchecked",
    bug: "nobody looks whether the log still reaches the position",
    file: "lib/ports/log-past.js",
    find: "if (bounds.last < after.seq) {",
    replace: "if (false) {",
  },
  {
    name: "tail-end-unchecked",
    bug: "nobody looks whether the log still reaches what was said",
    file: RESTORING,
    find: "if (last <= log.last)",
    replace: "if (true)",
  },
  {
    name: "orphans-unchecked",
    bug: "checkpoints without a watermark are not missed",
    file: CLAIMING,
    find: "if (before === null && lastEpoch > 0)\n            throw orphaned(context);",
    replace: "",
  },
  {
    name: "recollection-unchecked",
    bug: "a worker that knows better takes SEGMENTS of an older backup as it is",
    file: CLAIMING,
    find: "await assertNothingUnsaid(context, record, before);",
    replace: "",
  },
  {
    name: "definitions-unchecked",
    bug: "a partition runs before it is sure that DEFINITIONS still holds what was applied",
    file: RESTORING,
    find: "await definitionsUpTo(context, revision);",
    replace: "",
  },
  {
    name: "copies-unchecked",
    bug: "an entry that a log has a copy of, and DEFINITIONS has not, is not missed",
    file: "actors/partition/running.js",
    find: "if (controlRevision <= this.context.book.revision)",
    replace: "if (true)",
  },
  {
    name: "digest-unchecked",
    bug: "a replay that makes other deltas than were said goes on",
    file: SPEECH,
    find: "if (digestText(this.chain) !== this.stored.digest) {",
    replace: "if (false) {",
  },
  {
    name: "hole-unnoticed",
    bug: "a reader steps over a missing message",
    file: "lib/memory/log-reading.js",
    find: "if (message.seq !== this.last.seq + 1) {",
    replace: "if (false) {",
  },
  // ── hearing ───────────────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: "wall-clock",
    bug: "the machine's wall clock is asked instead of the log's",
    file: CORE,
    find: "return stamp > this.#clock ? stamp : this.#clock;",
    replace: "return Math.max(stamp, this.#clock, Date.now());",
  },
  {
    name: "clock-goes-back",
    bug: "the clock follows a stamp that is older",
    file: CORE,
    find: "return stamp > this.#clock ? stamp : this.#clock;",
    replace: "return stamp;",
  },
  {
    name: "unsorted-iteration",
    bug: "what falls due at one instant is said in the order of pages",
    file: CORE,
    find: "            this.#sayInOrder(said);\n        }\n        this.#clock = clock;",
    replace: "            this.#deltas.push(...said);\n        }\n        this.#clock = clock;",
  },
  {
    name: "deadline-after-message",
    bug: "what fell due is fired after the message that moved the clock",
    file: CORE,
    find: "const page = this.deadline > clock ? this.#pages.residentAt(hash) : undefined;",
    replace: "const page = this.#pages.residentAt(hash);",
  },
  {
    name: "timer-lost-on-eviction",
    bug: "a page that leaves memory takes its deadline with it",
    file: PAGES,
    find: "const { no, depth, bits, due, places } = page;",
    replace: "const { no, depth, bits, places } = page; const due = Number.POSITIVE_INFINITY;",
  },
  {
    name: "timer-lost-on-restore",
    bug: "deadlines of a checkpoint are not set again",
    file: PAGES,
    find: "if (due !== Number.POSITIVE_INFINITY)\n                this.#deadlines.push(due, no);",
    replace: "",
  },
  {
    name: "tick-not-repeated",
    bug: "a tick that was not stored is never sent again",
    file: "actors/partition/ticks.js",
    find: "else\n            this.outstanding = false;",
    replace: "",
  },
  {
    name: "control-applied-twice",
    bug: "a second copy of a control entry is applied again",
    file: CORE,
    find: "if (revision <= this.#control.revision)\n            return;",
    replace: "",
  },
  {
    name: "backfill-misses-the-first",
    bug: "the fold of history begins with the second message",
    file: BACKFILL,
    find: "for (const record of records)\n            job.shadow.apply(record);",
    replace: "for (const record of records)\n            if (record.seq > 1) job.shadow.apply(record);",
  },
  {
    name: "backfill-one-short",
    bug: "the fold is installed one message too early",
    file: BACKFILL,
    find: "job.first - 1) < record.seq - 1) {",
    replace: "job.first - 1) < record.seq - 2) {",
  },
  {
    name: "activated-too-early",
    bug: "definitions are activated before every partition is ready",
    file: "actors/worker/coordinator.js",
    find: "if (report.revision < revision || report.folding.includes(revision))",
    replace: "if (false)",
  },
];
