// A page that is cached as a whole, and was made when the application was built.
import { cacheLife, cacheTag } from 'next/cache'

export default async function Plain() {
  'use cache'
  cacheTag('deals')
  cacheLife({ stale: 60, revalidate: 60, expire: 3600 })
  return <p>{`made ${Date.now()} by ${process.pid}.`}</p>
}
