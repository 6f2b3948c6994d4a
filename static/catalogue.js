/** The licence types of the built-in catalogue, in its order: what the page must know to group and to draw them. */

const FIXED = "fixed_seat";
const CONCURRENT = "concurrent";
const ASSIGNED = "assigned";

const type = (key, kind, model) => [key, Object.freeze({ key, kind, model })];

const CATALOGUE = new Map([
  type("meeting_room", "user_type", FIXED),
  type("uc_user", "user_type", FIXED),
  type("inbound_agent", "user_type", CONCURRENT),
  type("outbound_agent", "user_type", CONCURRENT),
  type("supervisor", "user_type", CONCURRENT),
  type("switchboard_operator", "user_type", CONCURRENT),
  type("uc_switchboard_operator", "user_type", CONCURRENT),
  type("supervisor_switchboard_operator", "user_type", CONCURRENT),
  type("administrator", "user_type", FIXED),
  type("agent_calls", "feature", CONCURRENT),
  type("agent_email", "feature", CONCURRENT),
  type("agent_sms", "feature", CONCURRENT),
  type("agent_web_chat", "feature", CONCURRENT),
  type("agent_social_media", "feature", CONCURRENT),
  type("recording", "feature", CONCURRENT),
  type("conferencing", "feature", CONCURRENT),
  type("user_voicemail", "feature", FIXED),
  type("padlock", "feature", FIXED),
  type("cti_integration", "feature", FIXED),
  type("view", "product", FIXED),
  type("recorder", "product", FIXED),
  type("essential_user", "feature", ASSIGNED),
  type("professional_user", "feature", ASSIGNED),
  type("agent_user_add_on", "feature", ASSIGNED),
  type("desktop_client", "feature", ASSIGNED),
  type("crm_user_add_on", "feature", ASSIGNED),
  type("reports_supervisor", "feature", ASSIGNED),
  type("insights_supervisor", "feature", ASSIGNED),
  type("analytics_supervisor", "feature", ASSIGNED),
  type("live_analytics_supervisor", "feature", ASSIGNED),
  type("contact_centre_supervisor", "feature", ASSIGNED),
  type("wallboard", "device", ASSIGNED),
]);

const KEYS = [...CATALOGUE.keys()];

/** An operator may replace the catalogue: a type that is not known here is drawn from its numbers alone. */
const kindOf = (key) => CATALOGUE.get(key)?.kind ?? "other";

export const groupOf = (key) => (kindOf(key) === "user_type" ? "seats" : "features");

export const isSeat = (key) => kindOf(key) === "user_type";

export const isConcurrent = (key) => (CATALOGUE.get(key)?.model ?? CONCURRENT) === CONCURRENT;

/** Unknown types come last. */
export const rankOf = (key) => (CATALOGUE.has(key) ? KEYS.indexOf(key) : KEYS.length);

/** What a device can ask for beside its seat. */
export const FEATURES = KEYS.filter((key) => kindOf(key) === "feature" && CATALOGUE.get(key).model !== ASSIGNED);
