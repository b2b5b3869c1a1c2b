// Clients of SQLite that are installed apart from the project's own packages.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bringInstalled } from '../installed.ts'

/** What the tests use of a client of `@libsql/client`. */
export interface Libsql {
  execute(statement: string | { sql: string; args: unknown }): Promise<LibsqlResult>
  batch(statements: readonly (string | { sql: string; args: unknown })[], mode?: string): Promise<LibsqlResult[]>
  executeMultiple(sql: string): Promise<void>
  transaction(
    mode?: string,
  ): Promise<Omit<Libsql, 'transaction'> & { commit(): Promise<void>; rollback(): Promise<void> }>
  close(): void
}
export interface LibsqlResult {
  readonly columns: string[]
  readonly rows: readonly (Record<string | number, unknown> & { readonly length: number })[]
  readonly lastInsertRowid: bigint | undefined
  toJSON(): unknown
}

export interface SqliteClients {
  readonly createClient: (config: { url: string }) => Libsql
  /** Of its own copy, which finds `@libsql/client`. */
  readonly drizzle: typeof import('drizzle-orm') & {
    readonly over: (client: Libsql) => ReturnType<typeof import('drizzle-orm/node-postgres').drizzle>
    readonly core: typeof import('drizzle-orm/sqlite-core')
  }
}

export async function sqliteClients(): Promise<SqliteClients> {
  const home = bringInstalled('sqlite')
  const own = createRequire(join(home, 'any.cjs'))
  const load = (name: string) => import(pathToFileURL(own.resolve(name)).href)
  const [orm, { drizzle }, core, { createClient }] = await Promise.all(
    ['drizzle-orm', 'drizzle-orm/libsql', 'drizzle-orm/sqlite-core', '@libsql/client'].map(load),
  )
  return {
    createClient,
    drizzle: { ...orm, over: drizzle, core },
  }
}
