import SuperTokens from 'supertokens-website'

SuperTokens.init({ apiDomain: location.origin, apiBasePath: '/auth' })
// From here on fetch() sends the session's headers, and refreshes when the API answers 401.
