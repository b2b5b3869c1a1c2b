// What stands of an experiment: the first significant verdict stays, unless harm came after it, or nothing counts.

interface Found {
  readonly verdict: string
  readonly winner: string | null
  readonly text: string
}

interface Judged {
  readonly judgement: Found
  /** The first significant verdict. */
  readonly decided: Found | null
}

export const standingOf = ({ judgement, decided }: Judged): Found =>
  decided === null || isRefuted(judgement) ? judgement : decided

/** `uneven`: the keys were not divided as planned. */
const isRefuted = ({ verdict }: Found): boolean => verdict === 'harm' || verdict === 'uneven'

/** The arm that can be applied without naming it, if there is one. */
export const winnerOf = (experiment: Judged): string | null =>
  isRefuted(experiment.judgement) ? null : standingOf(experiment).winner
