"""What a user says about the object: points, boxes and masks, and how training imitates them."""
