"""The only room that speaks boto3. Everything leaves it as our nouns and our errors."""
