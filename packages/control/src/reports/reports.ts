// Stored performance reports: made every six hours, and on request.
import { newId } from '../access/tokens.ts'
import type { Control } from '../control.ts'
import { type PerformanceReport, reportOn } from './performance.ts'

export const EVERY_HOURS = 6
const HOUR_MS = 3_600_000

export interface KeptReport {
  readonly id: string
  readonly at: string
  readonly report: PerformanceReport
}

export async function makeReport(control: Control, cache: string, hours = EVERY_HOURS): Promise<KeptReport> {
  const report = await reportOn(control, cache, hours)
  const row = { id: newId('rep'), cache, at: await control.store.now(), document: JSON.stringify(report) }
  await control.store.read.insertInto('reports').values(row).execute()
  return { id: row.id, at: new Date(row.at).toISOString(), report }
}

/** For each cache whose last report is six hours old, or that has been watched for that long without one. */
export async function makeDueReports(control: Control, watchedSince: number): Promise<void> {
  const now = await control.store.now()
  for (const cache of control.fleet.names) {
    const last = await control.store.read
      .selectFrom('reports')
      .select('at')
      .where('cache', '=', cache)
      .orderBy('at', 'desc')
      .limit(1)
      .executeTakeFirst()
    if (now - Number(last?.at ?? watchedSince) >= EVERY_HOURS * HOUR_MS) await makeReport(control, cache)
  }
}
