// Why something failed, in words for whoever asked: without our own prefix, and without the user and password of a URL.

export const reasonOf = (error: unknown): string => withoutSecrets(error instanceof Error ? error.message : String(error))

export const withoutSecrets = (words: string): string => words.replace(/^\[millpond\] /, '').replace(/\/\/[^@/\s]*@/g, '//***@')
