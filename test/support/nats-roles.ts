// A nats-server with the accounts, users and permissions that `rollcall nats-config --users` prints, and passwords of its own.
import { natsUsersConfig } from "../../lib/server/conf.ts";
import type { NatsRole } from "../../lib/server/roles.ts";
import { startTestServer, type TestServer } from "./nats.ts";

export function passwordOf(role: NatsRole): string {
  return `secret-${role.toUpperCase()}`;
}

export function credentialsOf(role: NatsRole): { readonly user: string; readonly password: string } {
  return { user: role, password: passwordOf(role) };
}

export function guardedServer(
  dataSet: { readonly name: string; readonly partitions: number },
  conf = natsUsersConfig(dataSet),
): Promise<TestServer> {
  const extra = conf.replaceAll(/\$([A-Z]+)_PASSWORD/g, '"secret-$1"');
  // The supervisor looks whether JetStream answers, which is an operator's question.
  return startTestServer({ ...dataSet, extra, credentials: credentialsOf("operator") });
}
