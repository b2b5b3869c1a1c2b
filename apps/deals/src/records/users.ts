// Users with their profiles as a collection, written through.
import type { Written } from '../cache/invalidation.ts'
import type { Database } from '../db/database.ts'
import { scope, versionsOf } from '../db/versions.ts'
import { storeUser, type User } from '../writes/people.ts'
import type { RecordParts } from './deals.ts'
import { createThrough, doneKey, type Through } from './through.ts'

export interface UserRecord {
  readonly user: User
  readonly version: number
}

export function openUsers({ db, records, invalidation }: RecordParts): Through<UserRecord> {
  const done = new Map<string, Written<{ id: number }>>()
  const load = (ids: readonly number[]) => loadUsers(db, ids)
  const collection = records?.collection<number, UserRecord>('user', {
    ttl: '30m',
    tags: (_, id) => [scope.user(id)],
    loadMany: load,
    store: async (id, record) => {
      done.set(
        doneKey(id, record.version),
        await invalidation.write((tx) => storeUser(tx, record), { isThrough: true }),
      )
    },
    write: 'write-through',
  })
  return createThrough({ collection, load, store: storeUser, invalidation, done, what: 'user' })
}

function loadUsers(db: Database, ids: readonly number[]): Promise<ReadonlyMap<number, UserRecord>> {
  return db.snapshot(async (tx) => {
    const rows = await tx
      .selectFrom('users')
      .innerJoin('profiles', 'profiles.user_id', 'users.id')
      .select(['users.id', 'users.name', 'users.email', 'profiles.title', 'profiles.location', 'users.is_active'])
      .where('users.id', 'in', ids)
      .execute()
    const versions = await versionsOf(tx, ids.map(scope.user))
    return new Map(
      rows.map(({ is_active, ...user }) => [
        user.id,
        { user: { ...user, is_active: is_active === 1 }, version: versions.get(scope.user(user.id)) ?? 0 },
      ]),
    )
  })
}
