import { revalidateTag } from 'next/cache'

export async function POST() {
  revalidateTag('deals', { expire: 0 })
  return Response.json({ forgotten: true })
}
