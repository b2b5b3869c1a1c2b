// Proposals, and what they would do.

export interface Proposal {
  readonly id: string
  readonly state: 'waiting' | 'running' | 'approved' | 'failed' | 'interrupted' | 'rejected' | 'expired'
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly body: unknown
  readonly summary: string
  readonly permission: string
  /** In the proposer's words. */
  readonly reason: string
  /** What the proposer's program calls itself. */
  readonly by: string
  readonly actor: string
  readonly created_at: string
  readonly expires_at: string
  readonly decided_by: string | null
  readonly decided_at: string | null
  readonly note: string | null
  readonly answer: { readonly status: number; readonly body: unknown } | null
  readonly may_approve: boolean
  readonly may_reject: boolean
}

export interface ProposalPreview {
  readonly proposal: Proposal
  readonly kind: 'plan' | 'dry_run' | 'before' | 'none'
  readonly status: number | null
  readonly answer: unknown
  /** Null: it cannot be approved now. */
  readonly digest: string | null
  readonly plan_id: string | null
  readonly confirm: string | null
}
