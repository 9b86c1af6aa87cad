// How `mayfly exec` says something of its own, beside what the command writes.
export type Say = (text: string) => void;
