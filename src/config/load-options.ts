// What a configuration is read with, besides its file.
import type { TrustedIssuer } from '../identity/trust.js';
import type { Environment } from './environment.js';
import type { FixedSettings } from './settings.js';

export interface LoadOptions {
  /** Trust that the file does not name: what `mayfly dev` adds, whose keys are made when it starts. */
  readonly extraTrust?: readonly TrustedIssuer[];
  /** What `mayfly dev` decides itself, whatever the file says of it. */
  readonly instead?: Partial<Pick<FixedSettings, 'issuer' | 'listen' | 'store'>>;
  /**
   * True while a broker runs: it has a certificate, and looks after it by itself. A bad new one on disk must not
   * keep an operator from taking away an issuer's trust.
   */
  readonly keepsCertificate?: boolean;
  /** For whoever reads the policies by itself, and maybe others than the file names. */
  readonly withoutPolicies?: true;
  /** Where variables that the file names are looked up; the environment itself when absent. */
  readonly environment?: Environment;
}
