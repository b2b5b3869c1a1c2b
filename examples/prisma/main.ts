// Cached Prisma queries, invalidated when a change of the rows that they show has been committed.
import { PrismaLibSql } from '@prisma/adapter-libsql'
import { createCache } from 'millpond'
import { prismaCache } from 'millpond/orm/prisma'
import { PrismaClient } from './generated/client.ts'

const cache = createCache()
const orm = prismaCache({ cache })
const prisma = new PrismaClient({
  adapter: orm.adapter(new PrismaLibSql({ url: process.env.DATABASE_URL ?? 'file:shop.db' })),
})
await prisma.$executeRaw`CREATE TABLE IF NOT EXISTS users (id integer PRIMARY KEY, name text NOT NULL, team integer)`
await prisma.$executeRaw`CREATE TABLE IF NOT EXISTS posts (id integer PRIMARY KEY, title text NOT NULL, user_id integer)`

const shown = () =>
  orm.cached({ ttl: '1m' }, () =>
    prisma.user.findUnique({ where: { id: 7 }, include: { posts: { orderBy: { id: 'asc' } } } }),
  )
const titles = async () => (await shown())?.posts.map((post) => post.title).join(', ')

const posts = { create: { title: 'Engines' } }
await prisma.user.upsert({
  where: { id: 7 },
  create: { id: 7, name: 'Ada', posts },
  update: { posts: { deleteMany: {}, ...posts } },
})
const before = [await titles(), await titles()]
const hits = cache.stats().hits
await prisma.$transaction((tx) => tx.user.update({ where: { id: 7 }, data: { posts: { create: { title: 'Notes' } } } }))
console.log(`prisma ${before.join(' / ')}, ${hits} hits, then ${await titles()}`)

await prisma.$disconnect()
await cache.close()
