// Stored configurations on their way to caches that run.
import { expect, it } from 'vitest'
import { bringSettings, keepSettings } from '../src/configurations/settings.ts'
import type { Control } from '../src/control.ts'

it('keep the last change in force, whichever put is still on its way with an earlier one', async () => {
  let stored = 1
  const put: unknown[] = []
  const opens: (() => void)[] = []
  const published: (() => void)[] = []
  const listeners: ((name: string) => void)[] = []
  const control = {
    configurations: {
      onChange: (listener: (name: string) => void) => void listeners.push(listener),
      byName: async () => ({ ttl_seconds: stored, max_size_mb: 1, is_active: true }),
      list: async () => [],
    },
    fleet: {
      names: ['shop'],
      has: () => true,
      // The first one is slow.
      putSettings: async (_name: string, document: unknown) => {
        if (opens.length === 0) await new Promise<void>((done) => opens.push(done))
        put.push(document)
      },
      putConfigurations: async () => void published.shift()?.(),
    },
  } as unknown as Control
  keepSettings(control, (error) => expect.fail(String(error)))
  const round = bringSettings(control)
  await expect.poll(() => opens.length).toBe(1)
  stored = 2
  const change = new Promise<void>((done) => published.push(() => undefined, done))
  for (const tell of listeners) tell('shop')
  // Whatever goes ahead of the slow one has gone.
  await new Promise((done) => setImmediate(done))
  opens[0]?.()
  await round
  await change
  expect(put.at(-1)).toMatchObject({ ttl_seconds: 2 })
})

it('keep what the store says if two control planes put it, and the one that read first puts last', async () => {
  let stored = 1
  let inForce: unknown
  const slow = deferred()
  const controlOf = (before: Promise<void> | undefined): Control =>
    ({
      configurations: {
        byName: async () => ({ ttl_seconds: stored, max_size_mb: 1, is_active: true }),
        list: async () => [stored].map(viewOf),
      },
      fleet: {
        names: ['shop'],
        has: () => true,
        putSettings: async (_name: string, document: unknown) => {
          await before
          inForce = document
        },
        putConfigurations: async () => undefined,
      },
    }) as unknown as Control
  const first = bringSettings(controlOf(slow.promise))
  await new Promise((done) => setImmediate(done))
  stored = 2
  await bringSettings(controlOf(undefined))
  expect(inForce).toMatchObject({ ttl_seconds: 2 })
  slow.resolve()
  await first
  expect(inForce).toMatchObject({ ttl_seconds: 2 })
})

const viewOf = (ttl_seconds: number) => ({
  view: { id: 'cfg_1', version: ttl_seconds, created_at: '', updated_at: '', ttl_seconds },
})

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
