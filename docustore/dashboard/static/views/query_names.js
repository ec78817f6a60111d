/** The words of the query language. A test compares them with those of the server. */

export const METRICS = {
  "users": "users",
  "registrations": "registrations",
  "deleted": "deleted users",
  "average_age_days": "average account age in days",
  "completeness_pct": "filled parts of profiles in per cent"
};
export const BUCKETS = { "": "no buckets", hour: "hour", day: "day", week: "week", month: "month", quarter: "quarter", year: "year" };
export const WEEK_STARTS = { monday: "Monday", saturday: "Saturday", sunday: "Sunday" };
/** What a filter may name, and what it compares with. */
export const FIELDS = {
  "completeness": "dimension",
  "created_at": "time",
  "email": "text",
  "email_domain": "dimension",
  "first_name": "text",
  "language": "dimension",
  "last_name": "text",
  "location": "dimension",
  "profile.avatar": "text",
  "profile.bio": "text",
  "profile.location": "text",
  "profile.preferences.language": "text",
  "profile.preferences.notifications": "flag",
  "profile.preferences.theme": "text",
  "role": "dimension",
  "roles": "labels",
  "source": "dimension",
  "status": "dimension",
  "tag": "dimension",
  "tags": "labels",
  "theme": "dimension",
  "updated_at": "time"
};
export const OPERATORS = {
  "dimension": ["eq", "ne", "in", "not_in"],
  "text": ["eq", "ne", "in", "not_in", "exists", "prefix"],
  "labels": ["eq", "ne", "in", "not_in", "exists"],
  "flag": ["eq", "ne", "exists"],
  "time": ["gte", "lt", "exists"]
};
export const OPERATOR_WORDS = {
  eq: "is", ne: "is not", in: "is one of", not_in: "is none of", exists: "has a value", prefix: "begins with", gte: "at or after", lt: "before",
};
