// Tables in Markdown that are aligned in a terminal too.

export function printTable(lines: readonly (readonly string[])[]): void {
  console.log(formatTable(lines))
}

/** The first line is the head; the first column is text, the others are figures. */
export function formatTable(lines: readonly (readonly string[])[]): string {
  const [head = [], ...body] = lines
  const widths = head.map((_, column) => Math.max(3, ...lines.map((line) => (line[column] ?? '').length)))
  const format = (line: readonly string[]): string =>
    `| ${widths.map((width, column) => (column === 0 ? (line[column] ?? '').padEnd(width) : (line[column] ?? '').padStart(width))).join(' | ')} |`
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`
  return [format(head), rule, ...body.map(format)].join('\n')
}
