// Rows of the table of goals.
export interface Row {
  readonly what: string
  /** `''`: told, not judged. */
  readonly goal: string
  readonly is: string
  readonly isMet?: boolean
}

export const mean = (numbers: readonly number[]): number =>
  numbers.reduce((sum, number) => sum + number, 0) / numbers.length

export const tableOf = (rows: readonly Row[]): string[][] => [
  ['what', 'goal', 'measured', 'verdict'],
  ...rows.map(({ what, goal, is, isMet }) => [what, goal, is, isMet === undefined ? '' : isMet ? 'met' : 'MISSED']),
]
