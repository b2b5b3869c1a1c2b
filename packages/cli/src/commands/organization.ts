// An application's organisations and cache types: the control plane knows them once the application has registered
// them.
import type { Context } from '../command.ts'
import type { Client } from '../connection/client.ts'
import { at, countsAt, numberAt, type Row, rowsAt, textAt } from '../connection/read.ts'
import type { ExitName } from '../failure.ts'
import { joined, styled, text } from '../terminal/text.ts'
import { bytes, count, counted, times } from '../terminal/units.ts'

/** In the API's form. */
export const namesIn = ({ given }: Context): Row => ({
  ...(given.has('organization') && { organization: given.text('organization') }),
  ...(given.has('cache-type') && { cache_type: given.text('cache-type') }),
})

/** What the caches hold for an organisation. */
export async function coverage({ given }: Context, client: Client): Promise<readonly Row[]> {
  const { body } = await client.get('application/coverage/', {
    cache_name: given.text('cache-name'),
    organization: given.text('organization'),
  })
  return rowsAt(body, 'data')
}

export function tellCoverage({ out, given }: Context, data: readonly Row[]): void {
  for (const row of data) {
    const least = at(row, 'is_exact') === true ? text`` : text`at least `
    const name = given.text('organization') ?? ''
    out.line(
      text`${styled('bold', textAt(row, 'cache_name'))} holds of ${name}${textAt(row, 'id') === name ? text`` : text` (${textAt(row, 'id')})`}: ${least}${counted(numberAt(row, 'entries'), 'entry', 'entries')}, ${bytes(numberAt(row, 'bytes'))}, read ${times(numberAt(row, 'reads_per_second'))} a second`,
    )
    const spaces = countsAt(row, 'by_namespace').map(([space, n]) => text`${space} ${count(n)}`)
    if (spaces.length > 0) out.line(text`  ${joined(spaces, ', ')}`)
  }
}

export async function ofOrganization(context: Context, client: Client): Promise<ExitName> {
  const data = await coverage(context, client)
  await context.out.answer('status', { organization: data }, () => tellCoverage(context, data))
  return 'done'
}
