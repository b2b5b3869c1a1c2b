/**
 * Design tokens that a host application may set; all others are derived from these, or carry a meaning and are not
 * themed.
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

/** The custom property `--mp-NAME`, without its prefix. */
export type ThemeToken = (typeof THEME_TOKENS)[number]
