// The catalogue on the wire: what the caller may ask for.
export interface ToolView {
  name: string;
  plane: string;
  audience: string;
  actions: readonly string[];
  sensitivity: string;
  max_ttl_seconds: number;
  renewable: boolean;
  kind: string;
}
