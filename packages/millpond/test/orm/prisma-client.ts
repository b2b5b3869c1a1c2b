// A client of Prisma, generated from the example's schema by Prisma's own command line.
import { execFile } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { bringInstalled } from '../installed.ts'

const example = fileURLToPath(new URL('../../../../examples/prisma', import.meta.url))

/** What the tests use of a generated client, whose own types are tried with the example's. */
export interface Client extends Inside {
  $transaction<T>(work: (tx: Client) => Promise<T>, options?: { isolationLevel?: string }): Promise<T>
  $transaction(all: Lazy[]): Promise<unknown[]>
  $disconnect(): Promise<void>
}
type Lazy = PromiseLike<unknown> & { readonly [Symbol.toStringTag]: string }
interface Inside {
  readonly user: Model<{
    id: number
    name: string
    posts?: { id: number; title: string; topics?: { name: string }[] }[]
  }>
  readonly post: Model<{ id: number; title: string; user?: { name: string } | null; topics?: { name: string }[] }>
  readonly topic: Model<{ id: number; name: string }>
  $executeRawUnsafe(sql: string): Lazy
  $queryRawUnsafe(sql: string): Promise<object[]>
}
type Verb =
  | 'create'
  | 'createMany'
  | 'update'
  | 'updateMany'
  | 'updateManyAndReturn'
  | 'upsert'
  | 'delete'
  | 'deleteMany'
interface Model<Row> extends Record<Verb, (given: object) => Lazy> {
  findUnique(given: object): Promise<Row | null>
  findMany(given?: object): Promise<Row[]>
  count(given?: object): Promise<number>
  aggregate(given: object): Promise<{ _max: { name: string | null } }>
}

export interface Generated {
  readonly folder: string
  /** Makes a client over the database at an address. `around`: what is made of the driver adapter. */
  open(url: string, around: (adapter: Adapter) => Adapter): Client
}
export interface Adapter {
  readonly provider: string
  connect(): Promise<object>
}

export const prismaFolder = (): string => bringInstalled('prisma')

/** In a folder of its own, with the example beside it; the caller removes it. */
export async function generate(provider: 'sqlite' | 'postgresql'): Promise<Generated> {
  const home = prismaFolder()
  const folder = mkdtempSync(join(home, `${provider}-`))
  const schema = readFileSync(join(example, 'schema.prisma'), 'utf8').replace('"sqlite"', `"${provider}"`)
  writeFileSync(join(folder, 'schema.prisma'), schema)
  copyFileSync(join(example, 'main.ts'), join(folder, 'main.ts'))
  // It looks for an engine that migrates, which `generate` does not run, and which only Prisma's own server has.
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' }
  await promisify(execFile)(process.execPath, [join(home, 'node_modules/prisma/build/index.js'), 'generate'], {
    cwd: folder,
    env,
  })
  const { PrismaClient } = await import(join(folder, 'generated/client.ts'))
  const own = createRequire(join(folder, 'any.cjs'))
  const { PrismaLibSql } = await import(pathToFileURL(own.resolve('@prisma/adapter-libsql')).href)
  const { PrismaPg } = await import(pathToFileURL(own.resolve('@prisma/adapter-pg')).href)
  return {
    folder,
    open: (url, around) =>
      new PrismaClient({
        adapter: around(provider === 'sqlite' ? new PrismaLibSql({ url }) : new PrismaPg({ connectionString: url })),
        // By itself it gives up a transaction after 2 and 5 seconds, which a busy machine may take.
        transactionOptions: { maxWait: 60_000, timeout: 60_000 },
      }),
  }
}
