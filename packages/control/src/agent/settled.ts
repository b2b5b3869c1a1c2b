// Waits for work that continues in the process, no longer than the caller will wait.

export async function settled(done: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([done, late]).finally(() => clearTimeout(timer))
}
