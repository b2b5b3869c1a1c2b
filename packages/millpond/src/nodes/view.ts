// A node as others see it, from its state in the store.
import type { StoredNode } from '../core/nodes.ts'
import type { AppliedSettings, NodeView } from './contract.ts'
import { decodeMessage, fieldOf, isNodeWord } from './message.ts'

/** `undefined` for a state that no node has written. */
export function viewOf({ id, boot, ageMs, lateMs, state }: StoredNode): NodeView | undefined {
  const message = decodeMessage(state)
  const reports = recordOf(fieldOf(message, 'reports'))
  const settings = recordOf(fieldOf(message, 'settings'))
  if (reports === undefined || settings === undefined || !(ageMs >= 0) || !(lateMs >= 0)) return undefined
  return { id, boot, ageMs, lateMs, isLate: ageMs > lateMs, reports, settings: Object.fromEntries(appliedIn(settings)) }
}

function* appliedIn(settings: Readonly<Record<string, unknown>>): Generator<[string, AppliedSettings]> {
  for (const [name, applied] of Object.entries(settings)) {
    const revision = fieldOf(applied, 'revision')
    const error = fieldOf(applied, 'error')
    if (isNodeWord(revision)) yield [name, { revision, ...(typeof error === 'string' && { error }) }]
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
}
