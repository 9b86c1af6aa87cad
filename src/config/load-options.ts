// What a configuration is read with, besides its file.
import type { TrustedIssuer } from '../identity/trust.js';
import type { Environment } from './environment.js';
import type { FixedSettings } from './settings.js';

export interface LoadOptions {
  /** Trust that the file does not name: what `mayfly dev` adds, whose keys are made when it starts. */
  readonly extraTrust?: readonly TrustedIssuer[];
  /** What `mayfly dev` decides itself, whatever the file says of it. */
  readonly instead?: Partial<Pick<FixedSettings, 'issuer' | 'listen' | 'store'>>;
  /** Where variables that the file names are looked up; the environment itself when absent. */
  readonly environment?: Environment;
}
