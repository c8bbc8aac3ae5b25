// Options that every command takes, before or after its name.
export const GLOBAL_FLAGS: readonly string[] = ["name", "natsUrl"];
