// A caller's own signal, which may be shared by many calls and live as long as the process.
import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { onAbort } from '../../src/core/on-abort.ts'

test('has one listener for all, and none once they have ended', () => {
  const controller = new AbortController()
  const { signal } = controller
  let told = 0
  const tell = (): void => void told++
  const takeBack = Array.from({ length: 20 }, () => onAbort(signal, tell))
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  for (const stop of takeBack.slice(1)) stop()
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  takeBack[0]?.()
  takeBack[0]?.()
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  onAbort(signal, tell)
  onAbort(signal, tell)
  controller.abort()
  expect(told).toBe(2)
})
