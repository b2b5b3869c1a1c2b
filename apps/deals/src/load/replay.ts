// Replays the writes, one by one, on a service without a cache, with the requests of the cached one.
import type { Tokens } from '../http/tokens.ts'
import { describe, type Group } from './check.ts'
import type { Client } from './client.ts'
import { hashOf, positionOf, readVersions, type Write } from './drive.ts'

export interface Replayed {
  /** Uncached answers that were compared. */
  readonly compared: number
  readonly differences: readonly string[]
}

/** @throws if the writes do not have their original effect. */
export async function replay(
  client: Client,
  tokens: Tokens,
  writes: readonly Write[],
  groups: readonly Group[],
  signal: AbortSignal,
): Promise<Replayed> {
  const due = new Map<number, Group[]>()
  for (const group of groups)
    for (const position of group.positions) due.set(position, [...(due.get(position) ?? []), group])
  const differences: string[] = []
  let compared = 0
  const compareAt = async (position: number) => {
    for (const { example, hashes } of due.get(position) ?? []) {
      if (signal.aborted) return
      const reply = await client.ask('GET', example.step.path, tokens.issue(example.step.as))
      compared++
      const hash = hashOf(reply.body)
      if (hashes.size > 1 || !hashes.has(hash)) {
        differences.push(
          `wrong: ${describe(example)} at ${named(example.versions)} differs from the database after write ${position}, at ${named(readVersions(reply.dataVersion))}`,
        )
      }
    }
  }
  await compareAt(0)
  for (const write of writes.toSorted((a, b) => a.position - b.position)) {
    if (signal.aborted) break
    const reply = await client.ask(write.step.method, write.step.path, tokens.issue(write.step.as), write.step.body)
    const position = reply.status < 400 ? positionOf(reply.body) : 0
    if (position !== write.position)
      throw new Error(
        `the repeated writes had a different result: write ${write.position} (${write.step.method} ${write.step.path}) answered ${reply.status} ${reply.body}`,
      )
    await compareAt(position)
  }
  return { compared, differences }
}

function named(versions: ReadonlyMap<string, number>): string {
  return [...versions].map(([scope, version]) => `${scope}=${version}`).join(' ')
}
