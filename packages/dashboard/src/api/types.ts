// The routes' responses, as far as the pages read them. Names and units are the server's own.

export type * from './types/access.ts'
export type * from './types/alerts.ts'
export type * from './types/configurations.ts'
export type * from './types/figures.ts'
export type * from './types/keys.ts'
export type * from './types/operations.ts'
export type * from './types/proposals.ts'
export type * from './types/session.ts'
