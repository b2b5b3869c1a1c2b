// A request under way.
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'

export type Ctx = Context<{ Bindings: HttpBindings }>
