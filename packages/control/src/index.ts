// The control plane of Millpond: see it, steer it, prove who did what.
export { type Principal, ROLE_SCOPES, ROLES, type Role, SCOPES, type Scope } from './access/roles.ts'
export { ensureToken, type NewUser } from './access/tokens.ts'
export { type Checkpoint, type Verdict, verifyAudit } from './audit/audit.ts'
export type { ConfigurationDocument, ConfigurationView } from './configurations/document.ts'
export type { Control } from './control.ts'
export { type ControlOptions, type ControlPlane, createControl } from './create.ts'
export { openStore, type Store } from './store/store.ts'
