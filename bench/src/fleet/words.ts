// What the parts of a fleet agree on.

/** What a real process is told, and answers with the part of a core that it used since the last time. */
export type Word = 'rest' | 'count' | 'end'

/** The server that the processes share. */
export type Kind = 'redis' | 'postgres'

export const nameOf = (at: number): string => `n${at}`
