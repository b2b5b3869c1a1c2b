// What the control plane does by the clock.
import { afterEach, expect, it, vi } from 'vitest'
import { startClock } from '../src/clock.ts'
import type { Control } from '../src/control.ts'
import { open } from './setup.ts'

afterEach(() => {
  vi.useRealTimers()
})

it('evaluates alerts even if the place where processes meet is unreachable', async () => {
  const opened = await open(':memory:', {})
  const away = async (): Promise<never> => {
    throw new Error('away')
  }
  const fleet = {
    names: ['shop'],
    has: () => true,
    see: away,
    discover: away,
    putSettings: away,
    putConfigurations: away,
  }
  const control = { ...opened.plane.control, fleet } as unknown as Control
  const [turn, errors]: [() => Promise<void>, unknown[]] = [vi.fn(async () => undefined), []]
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const stop = startClock(
    control,
    { turn, forget: () => undefined } as unknown as Parameters<typeof startClock>[1],
    (error) => errors.push(error),
  )
  vi.advanceTimersByTime(5000)
  vi.useRealTimers()
  await expect.poll(() => vi.mocked(turn).mock.calls.length).toBe(1)
  expect(errors).toContainEqual(new Error('away'))
  await stop()
  await opened.close()
})
