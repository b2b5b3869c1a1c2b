// Tools for tests, published: conformance suites, a fake clock, a fault proxy, histories with their checker, and the
// simulator.
export { tierAbilities } from './abilities.ts'
export { checkHistory, focusHistory, type Limits, type Rule, type Verdict, type Violation } from './checker.ts'
export { type FakeClock, type FakeClockOptions, fakeClock } from './clock.ts'
export { describeEviction } from './eviction.ts'
export {
  type Direction,
  type Fault,
  type FaultProxy,
  type FaultProxyOptions,
  type ProxyConnection,
  startFaultProxy,
} from './fault-proxy.ts'
export {
  type ChangeOp,
  type Commit,
  type FaultSpan,
  type Freeze,
  type HistoryLine,
  historyTime,
  type Lag,
  type Load,
  type Operation,
  type Quiet,
  type ReadOp,
  type TagPlan,
} from './history.ts'
export {
  type ChangeTarget,
  type HistoryRecorder,
  type ReadWork,
  type RecorderOptions,
  recordHistory,
  type Versioned,
} from './history-recorder.ts'
export { describeJobStore, type JobStoreSubject, type OpenJobStore } from './job-store.ts'
export { describeLedger, type LedgerSubject } from './ledger.ts'
export {
  FAULTS,
  type FaultableGroup,
  type FaultableServer,
  type FaultContext,
  type FaultName,
  injectFault,
  type Participant,
} from './nemesis.ts'
export { describeNodeStore, type NodeStoreSubject } from './node-store.ts'
export { describeOutage, type OutageSubject } from './outage.ts'
export { type Random, seededRandom } from './random.ts'
export type { Runner, RunnerIt } from './runner.ts'
export {
  type LaneStep,
  type SimulatedCache,
  type Simulation,
  type SimulationParts,
  type SimulationResult,
  simulate,
  type WorldStep,
} from './simulator.ts'
export {
  type SimulatedServer,
  type SimulatedServerOptions,
  simulatedServer,
  type Transport,
} from './simulator-server.ts'
export type { Choose } from './simulator-steps.ts'
export { describeTier, type TierSubject } from './tier.ts'
