// The result of a guarded call.

/**
 * `ok: false` means that the tier was skipped or failed, and has been reported; `cause` is why, if it was requested.
 */
export type Attempt<T> =
  | {
      readonly ok: true
      readonly value: T
      /** Indexes of a large read that have no answer: their commands failed, which was reported. */
      readonly unanswered?: ReadonlySet<number>
    }
  | { readonly ok: false; readonly cause?: unknown }
