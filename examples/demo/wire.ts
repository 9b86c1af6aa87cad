// The few HTTP calls that the demo's parts make: JSON or a form out, status and JSON back, with the time it took.
import { performance } from 'node:perf_hooks';

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly ms: number;
}

export interface Asked {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly bearer?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: object;
  readonly form?: Readonly<Record<string, string>>;
}

export async function ask(url: string, { method, bearer, headers, json, form }: Asked = {}): Promise<Answer> {
  const body = json === undefined ? form && new URLSearchParams(form).toString() : JSON.stringify(json);
  const type = json === undefined ? 'application/x-www-form-urlencoded' : 'application/json';
  const started = performance.now();
  const response = await fetch(url, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      ...(body !== undefined && { 'content-type': type }),
      ...headers,
    },
    ...(body !== undefined && { body }),
  });
  const text = await response.text();
  const ms = performance.now() - started;
  return {
    status: response.status,
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    ms,
  };
}
