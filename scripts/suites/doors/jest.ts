// Jest's global, as far as these tests use it.
import { vi } from 'vitest'

Reflect.set(globalThis, 'jest', vi)
