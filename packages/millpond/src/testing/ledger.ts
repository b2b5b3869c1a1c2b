// The conformance suite of ledger stores: what `LedgerStore` promises, for every implementation.
import { basicCases } from './ledger-basics.ts'
import { commitCases } from './ledger-commits.ts'
import { heartbeatCases } from './ledger-heartbeat.ts'
import { historyCases } from './ledger-history.ts'
import { holdCases } from './ledger-holds.ts'
import { leaseCases } from './ledger-leases.ts'
import { peerCases } from './ledger-peers.ts'
import { stepCases } from './ledger-steps.ts'
import type { LedgerSubject } from './ledger-subject.ts'
import { unmovedCases } from './ledger-unmoved.ts'
import { type Case, type Runner, register } from './runner.ts'

export type { LedgerSubject, LedgerTuning } from './ledger-subject.ts'

/** Runs the suite: `describeLedger({ describe, it }, { name: 'sqlite', open })`. */
export function describeLedger(runner: Runner, subject: LedgerSubject): void {
  register(runner, `${subject.name} keeps the LedgerStore contract`, subject, ledgerCases, subject.skips ?? {})
}

/** Every obligation, in the order of a first implementation. */
export const ledgerCases: readonly Case<LedgerSubject>[] = [
  ...basicCases,
  ...stepCases,
  ...commitCases,
  ...leaseCases,
  ...holdCases,
  ...peerCases,
  ...historyCases,
  ...unmovedCases,
  ...heartbeatCases,
]
