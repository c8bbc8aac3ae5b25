// rollcall config | nats-config: the options in force with where each came from, and what a NATS server needs.
import type { Command } from "commander";
import { describeConfig } from "../../config/show.ts";
import { natsConfig, natsUsersConfig } from "../../lib/server/conf.ts";
import { optionsOf } from "./context.ts";
import { note, print } from "./output.ts";

export function addSettings(program: Command): void {
  program
    .command("config")
    .description("the options in force and where each comes from; secrets are masked")
    .action((_options: unknown, command: Command) => {
      const loaded = optionsOf(command);
      print(describeConfig(loaded));
      for (const warning of loaded.warnings) note(`warning: ${warning}`);
    });
  program
    .command("nats-config")
    .description("what a nats-server that others run needs: the mapping, and with --users who may say and hear what")
    .option("--users", "with accounts, users and permissions: one a role, each with the least that it needs")
    .action(({ users }: { users?: true }, command: Command) => {
      const { name, partitions } = optionsOf(command).config;
      print(users === true ? natsUsersConfig({ name, partitions }) : natsConfig({ name, partitions }));
    });
}
