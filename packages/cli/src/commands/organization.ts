// What an application calls an organisation, a cache type, a view: known to the control plane once the application has registered it.
import type { Context } from '../command.ts'
import type { Client } from '../connection/client.ts'
import { type ExitName, Failure } from '../failure.ts'

export interface Target {
  readonly tags?: readonly string[]
  readonly namespace?: string
}

const NOTHING = 'no application has registered its organisations, cache types, views and endpoints with this control plane'

export async function targetOf(_context: Context, _client: Client): Promise<Target> {
  throw new Failure('unavailable', NOTHING)
}

export async function ofOrganization(_context: Context, _client: Client): Promise<ExitName> {
  throw new Failure('unavailable', NOTHING)
}
