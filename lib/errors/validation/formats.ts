/** What a value that misses its `format` is called: Pydantic's slug and sentence. */
export const formats: Readonly<Record<string, { readonly type: string; readonly msg: string }>> = {
  uuid: { type: 'uuid_parsing', msg: 'Input should be a valid UUID' },
  date: { type: 'date_from_datetime_parsing', msg: 'Input should be a valid date' },
  time: { type: 'time_parsing', msg: 'Input should be in a valid time format' },
  'iso-time': { type: 'time_parsing', msg: 'Input should be in a valid time format' },
  'date-time': { type: 'datetime_from_date_parsing', msg: 'Input should be a valid datetime' },
  'iso-date-time': { type: 'datetime_from_date_parsing', msg: 'Input should be a valid datetime' },
  duration: { type: 'time_delta_parsing', msg: 'Input should be a valid timedelta' },
  ipv4: { type: 'ip_v4_address', msg: 'Input is not a valid IPv4 address' },
  ipv6: { type: 'ip_v6_address', msg: 'Input is not a valid IPv6 address' },
  int32: { type: 'int_type', msg: 'Input should be a valid integer' },
  int64: { type: 'int_type', msg: 'Input should be a valid integer' },
  float: { type: 'float_type', msg: 'Input should be a valid number' },
  double: { type: 'float_type', msg: 'Input should be a valid number' },
  email: { type: 'value_error', msg: 'value is not a valid email address' },
  'idn-email': { type: 'value_error', msg: 'value is not a valid email address' },
  uri: { type: 'url_parsing', msg: 'Input should be a valid URL' },
  'uri-reference': { type: 'url_parsing', msg: 'Input should be a valid URL' },
  url: { type: 'url_parsing', msg: 'Input should be a valid URL' },
  iri: { type: 'url_parsing', msg: 'Input should be a valid URL' },
  'iri-reference': { type: 'url_parsing', msg: 'Input should be a valid URL' }
}
