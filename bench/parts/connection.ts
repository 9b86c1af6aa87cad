// One keep-alive connection and one request on it at a time: the least that a client can do, so that it is never the limit.
import type { Socket } from 'node:net';
import { connect } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

const END_OF_HEAD = Buffer.from('\r\n\r\n');
/** `HTTP/1.1 200`: where the status stands. */
const STATUS_AT = 9;

export class Connection {
  readonly #socket: Socket;
  #received: Buffer | undefined;
  #waiting: Waiting | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (error) => this.#waiting?.reject(error));
    socket.on('close', () => this.#waiting?.reject(new Error('the server closed the connection')));
  }

  /** @param localAddress from which address of this machine, where it matters */
  static open(url: string, localAddress?: string): Promise<Connection> {
    const { hostname, port } = new URL(url);
    const where = { host: hostname, port: Number(port), ...(localAddress !== undefined && { localAddress }) };
    return new Promise((resolve, reject) => {
      const socket = connect(where, () => resolve(new Connection(socket)));
      socket.once('error', reject);
    });
  }

  /** Sends a whole request and resolves with its answer, which must say how long it is. */
  exchange(request: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new Error('the connection is closed'));
      this.#waiting = { resolve, reject };
      return this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    const received = this.#received ? Buffer.concat([this.#received, chunk]) : chunk;
    this.#received = received;
    const headEnd = received.indexOf(END_OF_HEAD);
    if (headEnd < 0) return;
    const head = received.toString('latin1', 0, headEnd);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) {
      this.#waiting?.reject(new Error(`an answer of unknown length: ${head}`));
      return;
    }
    const bodyStart = headEnd + END_OF_HEAD.length;
    if (received.length < bodyStart + Number(length)) return;
    this.#received = undefined;
    this.#waiting?.resolve({
      status: Number(head.slice(STATUS_AT, STATUS_AT + 3)),
      body: received.subarray(bodyStart),
    });
  }
}
