// The findings of an import, line by line in a file and summed up on the screen.
import { writeFileSync } from 'node:fs'
import type { Finding } from './crm-file.ts'

/** One line per fault: `sales_pipeline.csv:3 repaired: product spelled differently: "GTXPro" is "GTX Pro"`. */
export function writeReport(path: string, findings: readonly Finding[]): void {
  const lines = findings.map(
    ({ file, line, outcome, fault, detail }) => `${file}:${line} ${outcome}: ${fault}: ${detail}`,
  )
  writeFileSync(path, lines.length === 0 ? 'no faults\n' : `${lines.join('\n')}\n`)
}

/** Counts by kind of fault, the most frequent first: `1480 repaired: product spelled differently`. */
export function summarise(findings: readonly Finding[]): string[] {
  const counts = new Map<string, number>()
  for (const { outcome, fault } of findings)
    counts.set(`${outcome}: ${fault}`, (counts.get(`${outcome}: ${fault}`) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([text, count]) => `${count} ${text}`)
}
