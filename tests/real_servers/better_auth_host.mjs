// A SCIM service for the tests: @better-auth/scim on loopback, users in memory.
//
//   node better_auth_host.mjs PORT TOKEN
//
// It runs from the folder the packages are installed in (Node resolves imports beside the script),
// and needs a Node that ships `node:sqlite`. It answers under /api/auth/scim/v2 and says `ready` when
// it listens, so a person who starts it by hand sees where to look.
import { createServer } from "node:http";
import { DatabaseSync } from "node:sqlite";

import { NodeSqliteDialect } from "@better-auth/kysely-adapter/node-sqlite-dialect";
import { scim } from "@better-auth/scim";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { Kysely } from "kysely";

const [port, token] = process.argv.slice(2);
if (!port || !token) {
  console.error("usage: better_auth_host.mjs PORT TOKEN");
  process.exit(2);
}

const origin = `http://127.0.0.1:${port}`;
const users = new Kysely({ dialect: new NodeSqliteDialect({ database: new DatabaseSync(":memory:") }) });

const service = betterAuth({
  baseURL: origin,
  // Signs browser sessions, which nobody opens here.
  secret: "no-browser-session-is-ever-signed-here",
  database: { db: users, type: "sqlite", transaction: true },
  logger: { level: "error" },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  plugins: [
    scim({
      connections: [{ id: "entra", credentials: [{ type: "bearer", id: "tests", token }] }],
    }),
  ],
});

const migrations = await getMigrations(service.options);
await migrations.runMigrations();

createServer(toNodeHandler(service)).listen(Number(port), "127.0.0.1", () => {
  console.log(`ready: ${origin}/api/auth/scim/v2`);
});
