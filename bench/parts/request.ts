// Requests as bytes, made before the time is taken.

export function formRequest(
  url: string,
  path: string,
  fields: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Buffer {
  return request('POST', url, path, new URLSearchParams(fields).toString(), {
    ...headers,
    'content-type': 'application/x-www-form-urlencoded',
  });
}

export function jsonRequest(url: string, path: string, body: object, token: string): Buffer {
  return request('POST', url, path, JSON.stringify(body), {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
  });
}

export const getRequest = (url: string, path: string, token: string): Buffer =>
  request('GET', url, path, '', { authorization: `Bearer ${token}` });

function request(
  method: string,
  url: string,
  path: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): Buffer {
  const lines = [`${method} ${path} HTTP/1.1`, `host: ${new URL(url).host}`, 'connection: keep-alive'];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  if (body !== '') lines.push(`content-length: ${Buffer.byteLength(body)}`);
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
}
