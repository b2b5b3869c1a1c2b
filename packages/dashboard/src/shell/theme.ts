/**
 * Tokens that a host application may set; all others follow from these or are about meaning, which no theme changes.
 */
export const THEME_TOKENS = [
  'page',
  'surface',
  'sunken',
  'hover',
  'selected',
  'ink',
  'ink-2',
  'ink-3',
  'line',
  'line-2',
  'line-control',
  'accent',
  'accent-hover',
  'accent-wash',
  'on-accent',
  'focus',
  'font',
  'font-mono',
  'radius-1',
  'radius-2',
  'radius-3',
] as const

/** The custom property `--mp-NAME`, without its beginning. */
export type ThemeToken = (typeof THEME_TOKENS)[number]
