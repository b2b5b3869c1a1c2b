// The contracts between rooms: what a caller guarantees and what an implementer must do. One file per part, exported
// together here.
export type * from './contracts/clock.ts'
export type * from './contracts/codec.ts'
export type * from './contracts/entry.ts'
export { REMOVAL_REASONS } from './contracts/entry.ts'
export type * from './contracts/eviction.ts'
export type * from './contracts/key-store.ts'
export type * from './contracts/ledger-store.ts'
export type * from './contracts/memory.ts'
export type * from './contracts/regions.ts'
export type * from './contracts/tier.ts'
