// What may be asked for: the actions of our schema.

export const ACTIONS = ['exchange', 'renew', 'open_task'] as const;
export type ActionName = (typeof ACTIONS)[number];
