// Warming of what the application registered.
import type { Context } from '../command.ts'
import type { ExitName } from '../failure.ts'
import { targetOf } from './organization.ts'

export async function ofApplication(context: Context): Promise<ExitName> {
  await targetOf(context, await context.client())
  return 'done'
}
