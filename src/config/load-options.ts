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
  /**
   * For whoever judges policies, and maybe others than the file names: the tools count, and who is trusted does not, so
   * none of the files is opened that trust names.
   */
  readonly catalogueOnly?: true;
  /** Policies in the place of those that the file names, by their path from the working folder. */
  readonly policies?: string;
  /** Where variables that the file names are looked up; the environment itself when absent. */
  readonly environment?: Environment;
}
