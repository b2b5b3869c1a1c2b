// The cached part of a page that is rendered on demand.
import { cacheLife, cacheTag } from 'next/cache'
import { connection } from 'next/server'
import { Suspense } from 'react'

async function made() {
  'use cache'
  cacheTag('deals')
  cacheLife({ stale: 60, revalidate: 60, expire: 3600 })
  return `made ${Date.now()} by ${process.pid}.`
}

async function Deals() {
  await connection()
  return <p>{await made()}</p>
}

export default function Page() {
  return (
    <Suspense fallback={<p>wait</p>}>
      <Deals />
    </Suspense>
  )
}
