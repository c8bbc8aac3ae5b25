// The bodies that workers write, read back: anything but JSON in UTF-8 is undefined.

const utf8 = new TextDecoder("utf-8", { fatal: true });

export function readJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(body));
  } catch {
    return undefined;
  }
}
