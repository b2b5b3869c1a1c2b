// The node channel: the processes of a fleet see each other, query each other, and receive settings.
export type {
  NodeBeat,
  NodeMark,
  NodeRequest,
  NodeStore,
  StoredNode,
  StoredReply,
  StoredRequest,
  StoredSettings,
} from '../core/nodes.ts'
export { MAX_NODE_TEXT } from '../core/nodes.ts'
export type {
  AnswerStatus,
  Answers,
  AppliedSettings,
  AskOptions,
  NodeAnswer,
  NodeCounters,
  NodeView,
  NodeWarning,
  RequestContext,
  RequestHandler,
  SettingsHandler,
} from './contract.ts'
export { memoryNodes } from './memory.ts'
export { createNodes, Nodes, type NodesOptions } from './nodes.ts'
